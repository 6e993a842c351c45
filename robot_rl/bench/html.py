"""Parts of a page that holds everything and opens without a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from robot_rl.pictures.theme import THEME


@dataclass(frozen=True)
class Fact:
    """A headline number. `good` is None where there is no target."""

    label: str
    value: str
    note: str = ''
    good: bool | None = None
    target: str = ''
    """What `good` holds it to."""

    @property
    def about(self) -> str:
        """The note, and what it is held to."""
        return '; '.join(filter(None, (self.note, self.target and f'target: {self.target}')))


def document(title: str, parts: Iterable[str], css: str = '') -> str:
    """A whole page: `parts` below the title, empty ones left out, `css` after what all share."""
    body, name = '\n'.join(part for part in parts if part), escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{name}</title>\n<style>{CSS}{css}</style></head>\n'
        f'<body><main><h1>{name}</h1>\n{body}\n</main></body></html>\n'
    )


def section(title: str, note: str, *parts: str) -> str:
    """A card with a title, a sentence and parts that are HTML already."""
    return (
        f'<section><h2>{escape(title)}</h2>\n<p>{escape(note)}</p>\n'
        + '\n'.join(parts)
        + '</section>'
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """Table whose columns `numeric` are set flush right."""
    right = set(numeric)

    def row(tag: str, cells: Sequence[str]) -> str:
        return (
            '<tr>'
            + ''.join(
                f'<{tag}{" class=n" if i in right else ""}>{escape(cell)}</{tag}>'
                for i, cell in enumerate(cells)
            )
            + '</tr>'
        )

    body = '\n'.join(row('td', cells) for cells in rows)
    header = row('th', head)
    return f'<div class=wide><table><thead>{header}</thead><tbody>\n{body}</tbody></table></div>'


def facts(facts: Sequence[Fact]) -> str:
    """Headline numbers side by side, '' for none."""
    if not facts:
        return ''
    marks = {True: ' class=good', False: ' class=bad', None: ''}
    cells = (
        f'<div{marks[fact.good]}><dt>{escape(fact.label)}</dt><dd>{escape(fact.value)}</dd>'
        f'<p>{escape(fact.about)}</p></div>'
        for fact in facts
    )
    return f'<dl class=facts>{"".join(cells)}</dl>'


CSS = (
    THEME
    + """
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 1.25rem; }
h2 { font-size: 1.15rem; margin: 0 0 .25rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
small { color: var(--soft); font-weight: normal; margin-left: .5rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 1.1rem 1.25rem; margin-top: 1rem; }
section > p { color: var(--soft); margin: 0 0 .75rem; font-size: .9rem; max-width: 48rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font-family: inherit; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr));
  gap: .75rem; margin: 0; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  border-left: 4px solid var(--line); padding: .7rem .9rem; }
.facts .good { border-left-color: var(--good); }
.facts .bad { border-left-color: var(--bad); }
.facts p { margin: 0; color: var(--soft); font-size: .8rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
summary { font-weight: 600; margin-top: 1rem; cursor: pointer; }
.wide { overflow-x: auto; margin-top: .75rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.n { text-align: right; }
.failure { border-left: 4px solid var(--bad); background: var(--card); padding: .7rem 1rem; }
"""
)
