"""A file's name → the language it is written in, by GitHub Linguist's names (languages.yml; programming, markup and prose).

Data formats (JSON, CSV, XML) are left out: rows of data are no code, and have readers of their own.
"""

from collections.abc import Mapping

_SUFFIXES = {
    "Ada": "adb ads",
    "Assembly": "asm s",
    "AsciiDoc": "adoc asciidoc",
    "Awk": "awk",
    "Batchfile": "bat cmd",
    "C": "c h",
    "C#": "cs csx",
    "C++": "cc cpp cxx c++ hh hpp hxx inl ipp tpp",
    "CMake": "cmake",
    "COBOL": "cob cbl",
    "CSS": "css",
    "Clojure": "clj cljs cljc edn",
    "CoffeeScript": "coffee",
    "Common Lisp": "lisp lsp cl",
    "Cuda": "cu cuh",
    "Cython": "pyx pxd pxi",
    "D": "d di",
    "Dart": "dart",
    "Elixir": "ex exs",
    "Elm": "elm",
    "Emacs Lisp": "el",
    "Erlang": "erl hrl",
    "F#": "fs fsi fsx",
    "Fortran": "f f77 f90 f95 f03 f08 for",
    "GLSL": "glsl vert frag",
    "Go": "go",
    "GraphQL": "graphql gql",
    "Groovy": "groovy gradle",
    "HCL": "tf hcl",
    "HTML": "html htm xhtml",
    "Haskell": "hs lhs",
    "Java": "java",
    "JavaScript": "js cjs mjs jsx",
    "Julia": "jl",
    "Kotlin": "kt kts",
    "LLVM": "ll",
    "Less": "less",
    "Lua": "lua",
    "MATLAB": "m",
    "Makefile": "mk mak",
    "Markdown": "md markdown",
    "Nim": "nim nims",
    "Nix": "nix",
    "OCaml": "ml mli",
    "Objective-C++": "mm",
    "PHP": "php phtml",
    "Pascal": "pas dpr",
    "Perl": "pl pm",
    "PowerShell": "ps1 psm1 psd1",
    "Prolog": "pro",
    "Protocol Buffer": "proto",
    "Python": "py pyi pyw",
    "R": "r R",
    "Racket": "rkt",
    "Ruby": "rb rake gemspec",
    "Rust": "rs",
    "SCSS": "scss",
    "SQL": "sql",
    "Sass": "sass",
    "Scala": "scala sbt sc",
    "Scheme": "scm ss",
    "Shell": "sh bash zsh ksh fish",
    "Solidity": "sol",
    "Standard ML": "sml sig",
    "Starlark": "bzl star",
    "Svelte": "svelte",
    "Swift": "swift",
    "SystemVerilog": "sv svh",
    "TOML": "toml",
    "Tcl": "tcl",
    "TeX": "tex sty cls",
    "Thrift": "thrift",
    "TypeScript": "ts tsx mts cts",
    "VHDL": "vhd vhdl",
    "Verilog": "v",
    "Vim Script": "vim",
    "Visual Basic .NET": "vb",
    "Vue": "vue",
    "WebAssembly": "wat wast",
    "YAML": "yaml yml",
    "Zig": "zig",
    "reStructuredText": "rst",
}
_NAMES = {
    "CMake": "CMakeLists.txt",
    "Dockerfile": "Dockerfile Containerfile",
    "Go Module": "go.mod",
    "Groovy": "Jenkinsfile",
    "Just": "justfile Justfile",
    "Makefile": "Makefile makefile GNUmakefile",
    "Meson": "meson.build",
    "Ruby": "Gemfile Rakefile Vagrantfile",
    "Starlark": "BUILD BUILD.bazel WORKSPACE",
}

BY_SUFFIX: Mapping[str, str] = {
    f".{suffix}": name for name, suffixes in _SUFFIXES.items() for suffix in suffixes.split()
}
BY_NAME: Mapping[str, str] = {one: name for name, names in _NAMES.items() for one in names.split()}


def language_of(path: str) -> str | None:
    """The language that a file's name says; None where it says none that we know."""
    name = path[path.rfind("/") + 1 :]
    if name in BY_NAME:
        return BY_NAME[name]
    stem, dot, suffix = name.rpartition(".")
    return (BY_SUFFIX.get(f".{suffix}") or BY_SUFFIX.get(f".{suffix.lower()}")) if stem and dot else None
