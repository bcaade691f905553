"""Conversations in four languages: a voice assistant's commands, and questions with answers, as chat messages.

    python scripts/assets/dialogue.py CORPUS.whl INTENTS.whl FOLDER    needs pyyaml, hassil; for ./run fetch

Each language gets two files of JSON lines {"messages": [{"role", "content"}, ..], "topic"}:
  LANGUAGE-intents.jsonl   commands drawn from the grammars of Home Assistant; the answer is the call that carries it
                           out, as HassTurnOn(area="kitchen", domain="light"), which can be judged by exact match
  LANGUAGE-talk.jsonl      ChatterBot's questions and answers: support, jokes, trivia, small talk
"""
import json
import random
import re
import sys
import zipfile
from pathlib import Path

INTENTS_LICENSE = "home_assistant_intents-2026.10.27.dist-info/licenses/LICENSE.md"
COMMANDS = 1200   # of each language
# What a home holds, as a person who speaks the language would call it: rooms, floors, and devices by their kind.
HOMES = {
    "english": {"code": "en", "area": ["kitchen", "living room", "bedroom", "garage"], "floor": ["ground", "first"],
                "light": ["desk lamp", "ceiling light"], "switch": ["coffee machine"], "fan": ["ceiling fan"],
                "cover": ["left blind", "garage door"], "lock": ["front door"], "climate": ["thermostat"],
                "media_player": ["TV", "radio"], "vacuum": ["robot"], "scene": ["movie night"], "person": ["Anna"],
                "todo": ["groceries"]},
    "german": {"code": "de", "area": ["Küche", "Wohnzimmer", "Schlafzimmer", "Garage"],
               "floor": ["Erdgeschoss", "Keller"], "light": ["Schreibtischlampe", "Deckenlicht"],
               "switch": ["Kaffeemaschine"], "fan": ["Deckenventilator"], "cover": ["linke Jalousie", "Garagentor"], "lock": ["Haustür"],
               "climate": ["Thermostat"], "media_player": ["Fernseher", "Radio"], "vacuum": ["Roboter"],
               "scene": ["Filmabend"], "person": ["Anna"], "todo": ["Einkäufe"]},
    "spanish": {"code": "es", "area": ["cocina", "salón", "dormitorio", "garaje"], "floor": ["planta baja", "sótano"],
                "light": ["lámpara de mesa", "luz del techo"], "switch": ["cafetera"], "fan": ["ventilador de techo"],
                "cover": ["persiana izquierda", "puerta del garaje"], "lock": ["puerta principal"],
                "climate": ["termostato"], "media_player": ["televisor", "radio"], "vacuum": ["robot"],
                "scene": ["noche de cine"], "person": ["Ana"], "todo": ["compras"]},
    "italian": {"code": "it", "area": ["cucina", "soggiorno", "camera da letto", "garage"],
                "floor": ["piano terra", "primo piano"], "light": ["lampada da tavolo", "luce del soffitto"],
                "switch": ["macchina del caffè"], "fan": ["ventilatore"],
                "cover": ["tapparella sinistra", "porta del garage"],
                "lock": ["porta d'ingresso"], "climate": ["termostato"], "media_player": ["televisore", "radio"],
                "vacuum": ["robot"], "scene": ["serata film"], "person": ["Anna"], "todo": ["spesa"]},
}


def make(fetcher, folder):
    from assets.packages import Package
    corpus = Package("pip", "chatterbot-corpus", "1.3.3",
                     "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154")
    intents = Package("pip", "home-assistant-intents", "2026.10.27",
                      "256eb1e4fc6e6f4943d0ba4e089c9639d74d0e9d62ccddeb7148bc168de55e40")
    fetcher.convert("dialogue.py", fetcher.package(corpus), fetcher.package(intents), folder)


class Unusable(Exception):
    """A sentence that needs what no home here has, or free text."""


class Walk:
    """One random way through the grammar of a sentence: the text, and the slots that it fills."""

    def __init__(self, rng, lists, rules, device_kinds):
        self.rng, self.lists, self.rules, self.device_kinds = rng, lists, rules, device_kinds
        self.slots = {}

    def text(self, node):
        from hassil import expression as grammar
        if isinstance(node, grammar.TextChunk):
            return node.original_text
        if isinstance(node, grammar.RuleReference):
            return self.text(self.rules[node.rule_name].expression)
        if isinstance(node, grammar.ListReference):
            return self.value(node)
        if isinstance(node, grammar.Alternative):
            return self.text(self.rng.choice(node.items))
        parts = list(node.items)
        if isinstance(node, grammar.Permutation):
            self.rng.shuffle(parts)
        return "".join(self.text(part) for part in parts)

    def value(self, node):
        from hassil import intents
        if node.list_name == "name":
            said = meant = self.rng.choice(self.device_kinds)
        else:
            values = self.lists.get(node.list_name)
            if isinstance(values, intents.TextSlotList):
                chosen = self.rng.choice(values.values)
                said, meant = self.text(chosen.text_in), chosen.value_out
            elif isinstance(values, intents.RangeSlotList):
                number = self.rng.randrange(values.start, values.stop + 1, values.step)
                said, meant = str(number), str(round(number * (values.multiplier or 1)))
            else:
                raise Unusable
        self.slots[node.slot_name] = meant
        return said


def devices_for(home, context):
    """The devices of a home that a sentence may name: lights and switches where it asks nothing of them."""
    kinds = (context or {}).get("domain", ["light", "switch"])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return [device for kind in kinds for device in home.get(kind, [])]


def draw_command(block, intent, home, grammar, rng):
    walk = Walk(rng, grammar.slot_lists, {**grammar.expansion_rules, **(block.expansion_rules or {})},
                devices_for(home, block.requires_context))
    if not walk.device_kinds:
        raise Unusable
    text = re.sub(r"\s+", " ", walk.text(rng.choice(block.sentences).expression)).strip()
    slots = {**(block.slots or {}), **walk.slots}
    arguments = ", ".join(f'{key}="{value}"' for key, value in sorted(slots.items()))
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"{intent}({arguments})"}],
            "topic": intent}


def commands_of(data, home, seed):
    """COMMANDS different commands; each intent, and each kind of sentence within it, has the same chance."""
    from hassil.intents import Intents, TextSlotList
    grammar = Intents.from_dict(data)
    for place in ("area", "floor"):
        grammar.slot_lists[place] = TextSlotList.from_strings(home[place])
    rng, out = random.Random(seed), {}
    blocks = {name: intent.data for name, intent in sorted(grammar.intents.items()) if intent.data}
    for _ in range(40 * COMMANDS):
        if len(out) == COMMANDS:
            return list(out.values())
        intent = rng.choice(list(blocks))
        try:
            command = draw_command(rng.choice(blocks[intent]), intent, home, grammar, rng)
        except Unusable:
            continue
        out.setdefault(command["messages"][0]["content"].lower(), command)
    sys.exit(f"dialogue: found only {len(out)} commands in \"{home['code']}\", expected {COMMANDS}")


def talk_of(wheel, language):
    """ChatterBot's conversations of a language, each once, up to the last turn that is an answer."""
    import yaml
    out = {}
    for name in sorted(wheel.namelist()):
        match = re.fullmatch(rf"chatterbot_corpus/data/{language}/(.*)\.yml", name)
        if not match:
            continue
        for turns in yaml.safe_load(wheel.read(name))["conversations"]:
            turns = [str(turn).strip() for turn in turns]
            turns = turns[:len(turns) // 2 * 2]
            if not turns or not all(turns):
                continue
            roles = ("user", "assistant")
            out.setdefault(json.dumps(turns), {
                "messages": [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)],
                "topic": match.group(1)})
    return list(out.values())


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def convert(corpus, intents, folder):
    with zipfile.ZipFile(corpus) as talk, zipfile.ZipFile(intents) as commands:
        for seed, (language, home) in enumerate(HOMES.items()):
            data = json.loads(commands.read(f"home_assistant_intents/data/{home['code']}.json"))
            write_lines(folder / f"{language}-intents.jsonl", commands_of(data, home, seed))
            write_lines(folder / f"{language}-talk.jsonl", talk_of(talk, language))
        (folder / "LICENSE-intents").write_bytes(commands.read(INTENTS_LICENSE))
    (folder / "LICENSE-talk").write_text("The corpus of ChatterBot by Gunther Cox, under a BSD licence.\n")


if __name__ == "__main__":
    convert(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
