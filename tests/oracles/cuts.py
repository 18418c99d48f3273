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


def move(place: int, cuts: list[dict]) -> int:
    """Where a place in the bytes of a text lies after the cuts; one inside a cut: behind what is put."""
    moved = place
    for cut in cuts:
        if cut["start"] < place:
            moved += len((cut["put"] or "").encode()) - (min(place, cut["stop"]) - cut["start"])
    return moved


def keep_media(text: str, cuts: list[dict], media: list) -> list:
    places = [len(text[:at].encode()) for at, letter in enumerate(text) if letter == "\ufffc"]
    return [
        medium
        for medium, place in zip(media, places, strict=True)
        if not any(cut["start"] <= place < cut["stop"] for cut in cuts)
    ]
