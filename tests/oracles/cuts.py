"""Cuts in plain Python, on bytes."""


def apply(text: str, cuts: list[dict]) -> str:
    data = text.encode()
    for cut in reversed(cuts):
        data = data[: cut["start"]] + (cut["put"] or "").encode() + data[cut["stop"] :]
    return data.decode()


def totals(text: str, cuts: list[dict]) -> tuple[int, int]:
    data = text.encode()
    cut = sum(len(data[one["start"] : one["stop"]].decode()) for one in cuts)
    return cut, sum(len(one["put"] or "") for one in cuts)
