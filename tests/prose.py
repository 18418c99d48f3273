"""Sentences that rules on prose let pass, in English and Chinese, made from a seed: no two texts are alike."""

import random
import re

SLOTS = {
    "adj": "old young green narrow heavy quiet broken strange cold early distant wooden bitter gentle patient hidden proud tired honest golden careful foreign simple sudden empty modern rural silver steady clever",
    "noun": "keeper river bridge captain garden letter market winter teacher window doctor village merchant harbour lantern soldier painter forest kitchen island mountain daughter brother council carriage blanket station orchard cottage stranger journey promise shadow story answer question custom harvest festival library",
    "verb": "remembered carried painted followed bought described admired crossed ignored repaired visited imagined examined avoided welcomed measured defended discovered borrowed finished",
    "prep": "behind near beside beyond under across before after inside around towards against",
    "说": "记得 看见 搬走 修好 画过 谈起 忘记 离开 找到 买下 打开 拜访 研究 描写 保护 等待 怀念 参观 介绍 发现",
    "的": "安静 古老 年轻 狭窄 沉重 奇怪 寒冷 遥远 温柔 耐心 隐秘 骄傲 疲倦 诚实 金色 仔细 简单 突然 空旷 现代",
    "名": "船长 河流 石桥 花园 书信 市场 冬天 教师 窗户 医生 村庄 商人 港口 灯笼 士兵 画家 森林 厨房 岛屿 高山 女儿 兄弟 马车 毯子 车站 果园 小屋 旅客 旅程 诺言 影子 故事 答案 问题 风俗 收成 节日 图书馆",
    "处": "门前 窗边 山上 城里 路旁 船上 屋后 桥下 村口 海边 院中 林间",
}  # fmt: skip
WORDS = {slot: words.split() for slot, words in SLOTS.items()}
EN = (
    "The {adj} {noun} {verb} the {noun} {prep} a {adj} {noun}.",
    "They have {verb} that {noun} with the {adj} {noun} of the {noun}.",
    "It was the {noun} that the {adj} {noun} {verb}, and the {noun} stood {prep} it.",
    "When the {noun} {verb} a {adj} {noun}, nobody {verb} to be {prep} the {noun}.",
)
ZH = (
    "{的}的{名}在{处}{说}了一个{的}的{名}。",
    "那年的{名}是为了{名}，也{说}过{处}的{名}。",
    "人们在{处}{说}{的}的{名}，于是{名}中有了{名}。",
    "被{名}{说}的{名}，后来在{处}{说}了{的}的{名}和{名}。",
)


def english(chance: random.Random, sentences: int) -> str:
    """Paragraphs of some sentences each."""
    return text(chance, EN, " ", sentences)


def chinese(chance: random.Random, sentences: int) -> str:
    return text(chance, ZH, "", sentences)


def text(chance: random.Random, patterns: tuple[str, ...], space: str, sentences: int) -> str:
    lines: list[str] = []
    while sentences > 0:
        count = min(sentences, chance.randint(3, 6))
        lines.append(space.join(sentence(chance, chance.choice(patterns)) for _ in range(count)))
        sentences -= count
    return "\n".join(lines)


def sentence(chance: random.Random, pattern: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: chance.choice(WORDS[slot[1]]), pattern)
