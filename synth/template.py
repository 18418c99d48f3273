"""A row and a prompt template → messages. The row's text is data: it stands between marks that it cannot write itself.

Templates are Jinja2 in its immutable sandbox, without loaders or extensions; a name that is not there is an error. Control
tokens of chat templates are taken out of every text of a row, so that no document can end its turn and begin another.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

# <|…|> of ChatML, Llama 3, Phi, GLM, gpt-oss; <｜…｜> of DeepSeek; [INST] of Mistral and Llama 2; turns of Gemma; sentence marks;
# GLM's first tokens; reasoning marks of DeepSeek-R1 and Qwen3; image placeholders of vision models.
CONTROL = re.compile(
    r"<\|[^<>|\n]{1,64}\|>|<｜[^<>｜\n]{1,64}｜>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_(?:turn|image)>|</?s>|<pad>|<unk>|<[be]os>"
    r"|\[gMASK\]|<sop>|</?think>|<image>|<image_soft_token>|<IMG_CONTEXT>|\[IMG(?:_BREAK|_END)?\]"
    r"|\[/?(?:TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS|SYSTEM_PROMPT|THINK)\]"
)


class RowError(ValueError):
    """A row that makes no request; `reason` is its name in the books."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def without_control(value: Any) -> Any:
    """The value without control tokens in any of its texts, however deep.

    What a removal puts together becomes a line break, which no token holds: so two passes are enough, however deep they are nested.
    """
    if isinstance(value, str):
        return CONTROL.sub("\n", CONTROL.sub("", value))
    if isinstance(value, Mapping):
        return {key: without_control(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_control(part) for part in value]
    return value


def delimited(text: object) -> str:
    """The text between two marks named by its digest: no text holds the mark that would end it."""
    mark = f"data-{blake2b(str(text).encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}"
    return f"<{mark}>\n{text}\n</{mark}>"


@dataclass(frozen=True)
class Prompt:
    """The templates of a job. `data`: fields of a row that hold source text, and reach a prompt only by `| data`.

    Raises ValueError for bad syntax, and for a data field that would stand in a prompt as if we had written it.
    """

    user: str
    system: str = ""
    data: Collection[str] = field(default=("text",))

    def __post_init__(self) -> None:
        for name, source in self.sources.items():
            try:
                tree = ENVIRONMENT.parse(source)
            except TemplateSyntaxError as error:
                raise ValueError(f"{name}, line {error.lineno} of it: {error.message}") from error
            for bare in undelimited(tree, self.data):
                raise ValueError(
                    f"{name}, line {bare.lineno} of it: {bare.name} is source text; write {{{{ {bare.name} | data }}}}"
                )

    @property
    def sources(self) -> dict[str, str]:
        return {name: text for name, text in (("system", self.system), ("template", self.user)) if text}

    @cached_property
    def compiled(self) -> list[tuple[str, Template]]:
        roles = {"system": "system", "template": "user"}
        return [(roles[name], ENVIRONMENT.from_string(text)) for name, text in self.sources.items()]

    def messages(self, row: Mapping[str, Any]) -> list[dict[str, str]]:
        """[{role, content}] of one row. Raises RowError: missing_field, empty_prompt, unsafe, unrenderable."""
        clean = without_control(row)
        try:
            made = [{"role": role, "content": one.render(clean).strip()} for role, one in self.compiled]
        except UndefinedError as error:
            raise RowError("missing_field", f"{error.message}; the row has {', '.join(row)}") from error
        except SecurityError as error:
            raise RowError("unsafe", str(error)) from error
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise RowError("unrenderable", f"{type(error).__name__}: {error}") from error
        if not all(one["content"] for one in made):
            raise RowError("empty_prompt", "the template renders to nothing")
        return made


def undelimited(tree: nodes.Node, data: Collection[str]) -> Iterator[nodes.Name]:
    """Uses of data fields that are neither under `| data` nor in the test of an `if`."""
    if isinstance(tree, nodes.Filter) and tree.name == "data":
        return
    if isinstance(tree, nodes.Name) and tree.name in data:
        yield tree
    for child in tree.iter_child_nodes(exclude=("test",) if isinstance(tree, nodes.If) else None):
        yield from undelimited(child, data)


ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
)  # prompts are no HTML
ENVIRONMENT.filters["data"] = delimited
ENVIRONMENT.globals.clear()  # neither range nor lipsum: a prompt needs no loops over numbers
