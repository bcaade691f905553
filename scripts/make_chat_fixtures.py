#!/usr/bin/env python3
"""Renders conversations by the model families' own Jinja templates.

  make_chat_fixtures.py fixture FOLDER          tests/fixtures/chat/renders.json, from FOLDER/NAME.jinja for each name below
  make_chat_fixtures.py live DEPS COUNT SEED OUT
      COUNT fresh conversations by each template in DEPS/chat_templates, a line each:
      [name, Jinja, tokenizer.json, conversation, whether an answer is asked for, ids or null where it is refused]

Run with the reference stack's Python. `fixture` has the Jinja environment of transformers' apply_chat_template, `live` is
that function. The templates are their authors' and are not kept here: scripts/assets/chat_templates.py fetches all but
zephyr's, which is in no package. chatml, llama2, mistral, mistral-v3 and zephyr of the fixture were written down from the
checkpoints' published text.
"""
import json
import pathlib
import random
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "chat" / "renders.json"
# Name: the text of the tokens that begin and end a text.
TOKENS = {"chatml": ("", "<|im_end|>"), "smollm2": ("<|im_start|>", "<|im_end|>"), "qwen1.5": ("", "<|im_end|>"),
          "qwen2": ("", "<|im_end|>"), "qwen2.5": ("", "<|im_end|>"), "qwen3": ("", "<|im_end|>"), "llama2": ("<s>", "</s>"),
          "llama3": ("<|begin_of_text|>", "<|eot_id|>"), "llama3.1": ("<|begin_of_text|>", "<|eot_id|>"),
          "llama3.2": ("<|begin_of_text|>", "<|eot_id|>"), "mistral-v0.1": ("<s>", "</s>"), "mistral": ("<s>", "</s>"),
          "mistral-v1": ("<s>", "</s>"), "mistral-v3": ("<s>", "</s>"), "mistral-nemo": ("<s>", "</s>"), "zephyr": ("<s>", "</s>")}
DAY = "26 Jul 2024"  # that Weft writes
ASK, ANSWER = {"role": "user", "content": "What is 2+2?"}, {"role": "assistant", "content": "It is 4."}
SYSTEM = {"role": "system", "content": " You are terse.\n"}
CONVERSATIONS = [
    [ASK], [ASK, ANSWER], [SYSTEM, ASK], [SYSTEM, ASK, ANSWER], [ASK, ANSWER, ASK, ANSWER], [SYSTEM, ASK, ANSWER, ASK],
    [{"role": "user", "content": "  blanks \n"}, {"role": "assistant", "content": "\n\n kept or not \u00a0\n"}],
    [ASK, {"role": "assistant", "content": "<think>\nsum\n</think>\n\n4"}],
    [ASK, {"role": "assistant", "content": "<think>\nsum\n</think>\n\n4"}, ASK, {"role": "assistant", "content": "</think>x"}],
    [ASK, ANSWER, ANSWER], [ASK, {"role": "assistant", "content": "<think>a</think>b"}, ANSWER], [ANSWER, ASK], [SYSTEM],
    [ASK, SYSTEM, ASK], [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    [{"role": "user", "content": "日本 😀 <|im_end|> [INST]"}, {"role": "assistant", "content": "é</s>"}],
    [ASK, {"role": "user", "content": "<tool_response>1</tool_response>"}, ANSWER],
]


def fail(message):
    raise jinja2.exceptions.TemplateError(message)


def write_fixture(folder):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = fail
    renders = []
    for name, (bos, eos) in TOKENS.items():
        template = environment.from_string((pathlib.Path(folder) / f"{name}.jinja").read_text(encoding="utf-8"))
        for messages in CONVERSATIONS:
            for is_open in (False, True):
                try:
                    text = template.render(messages=messages, bos_token=bos, eos_token=eos, date_string=DAY,
                                           add_generation_prompt=is_open)
                except jinja2.exceptions.TemplateError:
                    text = None
                renders.append([name, CONVERSATIONS.index(messages), is_open, text])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    content = {"made_by": "scripts/make_chat_fixtures.py", "jinja2": jinja2.__version__, "conversations": CONVERSATIONS,
               "render": "[template, conversation, whether an answer is asked for, text or null where it is refused]",
               "renders": renders}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("],[\"", "],\n[\"")
    OUT.write_text(text + "\n", encoding="utf-8")


PIECES = [" ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u2003", "\u200b", "\x1c", "\x0b", "Hello", "2+2?", "日本語", "😀", "e\u0301", "<think>",
          "</think>", "<think>\n", "\n</think>\n\n", "<|im_end|>", "<|im_start|>", "[INST]", "<<SYS>>", "</s>", "<s>", "<|eot_id|>",
          "<|user|>", "'", '"', "\\", "{{ x }}", "{% if %}", "<tool_response>", "</tool_response>", "None", "café"]


def conversation(draw):
    """Mostly in turns, as the data has them; now and then a role where it does not belong."""
    roles = ["system"] * (draw.random() < 0.5) + [("user", "assistant")[i % 2] for i in range(draw.randint(1, 7))]
    if draw.random() < 0.15:
        roles[draw.randrange(len(roles))] = draw.choice(["system", "user", "assistant"])
    return [{"role": role, "content": "".join(draw.choices(PIECES, k=draw.randint(0, 8)))} for role in roles]


def write_live(deps, count, seed, out):
    import transformers
    deps, draw = pathlib.Path(deps), random.Random(int(seed))
    templates = json.loads((deps / "chat_templates/templates.json").read_text(encoding="utf-8"))
    smollm2 = json.loads((deps / "models/SmolLM2-135M-Instruct/tokenizer_config.json").read_text(encoding="utf-8"))
    templates.append(["smollm2", "SmolLM2-135M-Instruct", smollm2["chat_template"]])
    with open(out, "w", encoding="utf-8") as lines:
        for name, _, jinja in templates:
            bos, eos = TOKENS[name]
            folder = "llama-spm" if eos == "</s>" else "llama-bpe" if name.startswith("llama3") else "qwen2"
            file = str(deps / "tokenizers" / folder / "tokenizer.json")
            tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=file, chat_template=jinja)
            for _ in range(int(count)):
                messages, is_open = conversation(draw), draw.random() < 0.5
                try:
                    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=is_open, return_dict=False,
                                                        date_string=DAY, bos_token=bos, eos_token=eos)
                except jinja2.exceptions.TemplateError:
                    ids = None
                lines.write(json.dumps([name, jinja, file, messages, is_open, ids]) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["fixture"] and len(sys.argv) == 3:
        write_fixture(sys.argv[2])
    elif sys.argv[1:2] == ["live"] and len(sys.argv) == 6:
        write_live(*sys.argv[2:])
    else:
        sys.exit(__doc__)
