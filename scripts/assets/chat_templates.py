"""The chat templates that checkpoints of the supported families come with, out of two packages, for tests.

templates.json: [name in Weft, whose it is, Jinja]. The templates are their authors' and stay out of the project. Standard
library only.
"""
import ast
import json
import tarfile
import zipfile

from assets import vocabularies
from assets.packages import Package, fail

GUIDANCE = Package("pip", "guidance", "0.3.1", "6d69dee7fb9ca3d5d50928571a5a34a6fb4de92d454c6dcfccd805501ee6987f")
# Variables of a Python file that hold a template.
IN_GUIDANCE = [("llama2", "llama2_template"), ("llama3", "llama3_template"), ("llama3.2", "llama3dot2_template"),
               ("mistral", "mistral_7b_instruct_llamacpp_template"), ("mistral-v1", "mistral_7b_instruct_template"),
               ("qwen2", "qwen2dot5_template"), ("qwen2.5", "qwen2dot5_it_template"), ("qwen3", "qwen3_it_template")]
IN_LLAMA_CPP_PYTHON = [("chatml", "CHATML_CHAT_TEMPLATE"), ("mistral-v0.1", "MISTRAL_INSTRUCT_CHAT_TEMPLATE"),
                       ("mistral", "MIXTRAL_INSTRUCT_CHAT_TEMPLATE"), ("llama3", "LLAMA3_INSTRUCT_CHAT_TEMPLATE")]
# Files of llama.cpp's models/templates.
FILES = [("qwen2.5", "Qwen-Qwen2.5-7B-Instruct"), ("qwen3", "Qwen-Qwen3-0.6B"),
         ("llama3.1", "meta-llama-Llama-3.1-8B-Instruct"), ("llama3.1", "meta-llama-Llama-3.3-70B-Instruct"),
         ("llama3.2", "meta-llama-Llama-3.2-3B-Instruct"), ("mistral-nemo", "mistralai-Mistral-Nemo-Instruct-2407")]
# Cases of llama.cpp's tests/test-chat-template.cpp, by the beginning of their names.
CASES = [("mistral-v1", "mistralai/Mistral-7B-Instruct-v0.2 (mistralai 'v1'"), ("mistral-v3", "Mistral-Large-Instruct-2407")]


def variables(source):
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value.value
    return found


def case_of(source, name):
    """The text of the C++ literal behind a case's name; its escapes are JSON's."""
    marker = '/* .template_str= */ '
    place = source.find(marker, source.find(f'/* .name= */ "{name}'))
    if place < 0:
        fail(f"llama.cpp has no test case {name}")
    return json.JSONDecoder(strict=False).raw_decode(source, place + len(marker))[0]


def make(fetcher, folder):
    with zipfile.ZipFile(fetcher.package(GUIDANCE)) as package:
        theirs = variables(package.read("guidance/chat.py").decode("utf-8"))
    found = [(name, f"guidance: {variable}", theirs[variable]) for name, variable in IN_GUIDANCE]
    with tarfile.open(fetcher.package(vocabularies.LLAMA_CPP)) as package:
        top = package.getnames()[0].split("/")[0]

        def read(path):
            return package.extractfile(f"{top}/{path}").read()

        theirs = variables(read("llama_cpp/llama_chat_format.py").decode("utf-8"))
        found += [(name, f"llama-cpp-python: {variable}", theirs[variable]) for name, variable in IN_LLAMA_CPP_PYTHON]
        for name, file in FILES:
            found.append((name, file, read(f"vendor/llama.cpp/models/templates/{file}.jinja").decode("utf-8")))
        source = read("vendor/llama.cpp/tests/test-chat-template.cpp").decode("utf-8")
        found += [(name, case, case_of(source, case)) for name, case in CASES]
        vocabulary = vocabularies.read_metadata(read("vendor/llama.cpp/models/ggml-vocab-qwen2.gguf"))
        found.append(("qwen1.5", "ggml-vocab-qwen2.gguf", vocabulary["tokenizer.chat_template"]))
    (folder / "templates.json").write_text(json.dumps(found, ensure_ascii=False, indent=0), encoding="utf-8")
