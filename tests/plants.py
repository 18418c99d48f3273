"""Benchmark items planted in documents, as they get about: retyped, reset, without answers, in the middle of a book."""

import json
import random
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.data.files import content
from pipeline.measures.benchmarks import Benchmark, Fields, Item, benchmark, name_of
from pipeline.measures.contamination import BenchmarkHits
from tests import world

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
MARKS = string.punctuation + "，。？！：；、（）《》“”‘’…—·"
OTHER_MARKS = str.maketrans(",.?!:;()'\"-", "，。？！：；（）’”—")

Change = Callable[[str, random.Random], str]


def whitespace(text: str, chance: random.Random) -> str:
    """Other white space between words; lines are broken anew, Chinese too."""
    spaces = [" ", "  ", "\n", "\t", "\u3000", " \n\n ", "\u00a0"]
    reset = re.sub(r"\s+", lambda _: chance.choice(spaces), text)
    return re.sub(r"(?<=[一-鿿])(?=[一-鿿])", lambda _: "\n" if chance.random() < 0.1 else "", reset)


def punctuation(text: str, chance: random.Random) -> str:
    """Taken out, turned to spaces, or of another kind."""
    way = chance.randrange(3)
    if way == 2:
        return text.translate(OTHER_MARKS)
    return text.translate(dict.fromkeys(map(ord, MARKS), None if way else " "))


def case(text: str, chance: random.Random) -> str:
    return chance.choice([str.upper, str.lower, str.title, str.swapcase])(text)


def full_width(text: str, _: random.Random) -> str:
    return text.translate(FULL_WIDTH)


def as_it_is(text: str, _: random.Random) -> str:
    return text


def in_a_book(text: str, chance: random.Random) -> str:
    """In the middle of some 40,000 bytes."""
    book = BOOKS[bool(re.search("[一-鿿]", text))]
    at, middle = chance.randrange(len(book) // 2), len(book) // 4
    return "\n\n".join([book[at : at + middle], text, book[at + middle : at + 2 * middle]])


BOOKS = world.english(random.Random(6), 16_000), world.chinese(random.Random(6), 28_000)

KINDS: dict[str, tuple[bool, Change]] = {
    "verbatim": (True, as_it_is),
    "white space": (True, whitespace),
    "punctuation": (True, punctuation),
    "case": (True, case),
    "full-width": (True, full_width),
    "in a book": (True, in_a_book),
    "no answer": (False, as_it_is),
}
"""What is done to an item: (with choices and answer, how it is changed)."""


def written(item: Item, whole: bool) -> str:
    """The item as a page would show it."""
    choices = [f"{string.ascii_uppercase[at % 26]}. {choice}" for at, choice in enumerate(item.choices)]
    return "\n".join([item.question, *choices, f"Answer: {item.answer}"] if whole else [item.question])


def planted(item: Item, kind: str, chance: random.Random) -> str:
    whole, change = KINDS[kind]
    return change(written(item, whole), chance)


def is_long(item: Item) -> bool:
    """13 words, or 20 Chinese characters, and more."""
    return len(item.question.split()) >= 13 or len(re.findall("[一-鿿]", item.question)) >= 20


def hits_of(path: str) -> BenchmarkHits:
    return BenchmarkHits(str(path), name_of(str(path)), content(str(path)))


def opened(path: str) -> Benchmark:
    return benchmark(str(path), content(str(path)), Fields())


PEOPLE = (
    "王敏",
    "李娜",
    "张伟",
    "刘洋",
    "陈静",
    "杨帆",
    "赵磊",
    "黄蓉",
    "周涛",
    "吴桐",
    "徐霞",
    "孙悦",
    "马超",
    "朱琳",
    "胡军",
)
PLACES = ("超市", "书店", "果园", "学校", "车站", "工地", "农场", "图书馆", "体育馆", "花店")
THINGS = ("苹果", "铅笔", "作业本", "矿泉水", "鸡蛋", "玫瑰", "篮球", "课外书", "西瓜", "毛巾")
PROVINCES = (
    "河北",
    "山西",
    "辽宁",
    "吉林",
    "黑龙江",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "海南",
    "四川",
    "贵州",
    "云南",
    "陕西",
    "甘肃",
    "青海",
)


def chinese_items(count: int = 200) -> Iterator[dict[str, str]]:
    """A Chinese benchmark, made here: short questions of one line, and sums told as stories."""
    chance = random.Random(8)
    for province in PROVINCES:
        yield {"question": f"{province}省的省会是哪座城市？", "answer": f"{province}的省会"}
    for _ in range(count - len(PROVINCES)):
        one, other = chance.sample(PEOPLE, 2)
        first, second = chance.sample(THINGS, 2)
        few, many, price = chance.randint(2, 9), chance.randint(11, 99), chance.randint(2, 30)
        stories = [
            f"{one}在{chance.choice(PLACES)}买了{many}个{first}，每个{price}元，又送给{other}{few}个，剩下的{first}一共值多少元？",
            f"{chance.choice(PLACES)}里原有{many}箱{first}，{one}运走{few}箱，{other}又运来{price}箱{second}，现在共有多少箱？",
            f"{one}和{other}同时从{chance.choice(PLACES)}出发，相背而行，{one}每分钟走{many}米，{other}每分钟走{many + price}米，{few}分钟后两人相距多少米？",
        ]
        yield {"question": chance.choice(stories), "answer": str(chance.randint(10, 999))}


def chinese_benchmark(folder: Path) -> Path:
    """made_zh.jsonl in a folder."""
    path = folder / "made_zh.jsonl"
    lines = [json.dumps(item, ensure_ascii=False) for item in chinese_items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


QUOTATIONS = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.",
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, and dedicated to the proposition that all men are created equal.",
    "We hold these truths to be self-evident, that all men are created equal, that they are endowed by their Creator with certain unalienable Rights, that among these are Life, Liberty and the pursuit of Happiness.",
    "We the People of the United States, in Order to form a more perfect Union, establish Justice, insure domestic Tranquility, provide for the common defence, promote the general Welfare, and secure the Blessings of Liberty to ourselves and our Posterity, do ordain and establish this Constitution for the United States of America.",
    "To be, or not to be, that is the question: Whether 'tis nobler in the mind to suffer the slings and arrows of outrageous fortune, or to take arms against a sea of troubles and by opposing end them.",
    "And so, my fellow Americans: ask not what your country can do for you - ask what you can do for your country.",
    "Congress shall make no law respecting an establishment of religion, or prohibiting the free exercise thereof; or abridging the freedom of speech, or of the press; or the right of the people peaceably to assemble.",
    "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience.",
    'Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction.',
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？",
    "先天下之忧而忧，后天下之乐而乐。",
    "落霞与孤鹜齐飞，秋水共长天一色。",
    "道可道，非常道；名可名，非常名。无名天地之始，有名万物之母。",
    "中华人民共和国是工人阶级领导的、以工农联盟为基础的人民民主专政的社会主义国家。",
)  # fmt: skip
"""What everybody quotes: no contamination."""


def quoting(chance: random.Random, count: int) -> Iterator[str]:
    """Pages around a famous quotation, and around several."""
    for at in range(count):
        quotes = chance.sample(QUOTATIONS, chance.choice([1, 1, 3]))
        write = world.chinese if at % 2 else world.english
        yield "\n".join(part for quote in quotes for part in (write(chance, 60), quote, write(chance, 60)))


def tables(chance: random.Random, count: int) -> Iterator[str]:
    """Numbers in rows: digits, years, prices, times tables."""
    for at in range(count):
        high = [10, 100, 2100, 100_000][at % 4]
        rows = ([str(chance.randrange(high)) for _ in range(12)] for _ in range(60))
        yield "\n".join(chance.choice([" ", "\t", ", ", " | "]).join(row) for row in rows)
    yield "\n".join(" ".join(f"{one} x {two} = {one * two}" for two in range(1, 13)) for one in range(1, 13))
