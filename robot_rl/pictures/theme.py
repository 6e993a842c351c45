"""Colours and type that all our pages share, light and dark."""

from __future__ import annotations

_LIGHT = """
  --ink: #1d2329; --soft: #5b6670; --page: #fbfbfa; --card: #fff; --line: #dfe3e6;
  --grid: #e6e9ec; --goal: #7d8790; --bad: #c7362f; --good: #1f7a4d;
  --series-0: #2667c9; --series-1: #cf6a0c; --series-2: #23875d;
  --series-3: #a3348f; --series-4: #7a5c18; --series-5: #3a8fa3;"""
_DARK = """
  --ink: #e3e7ea; --soft: #9aa5ae; --page: #15191c; --card: #1d2327; --line: #343c42;
  --grid: #30373d; --goal: #8f9aa3; --bad: #f0736b; --good: #5cc48d;
  --series-0: #6da5f5; --series-1: #f0a04d; --series-2: #5cc48d;
  --series-3: #e07fcf; --series-4: #cfae5f; --series-5: #6cc5d9;"""
THEME = f"""
:root {{ color-scheme: light dark;{_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{{_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }}
"""
CHOSEN = f"""
:root[data-theme=light] {{ color-scheme: light;{_LIGHT} }}
:root[data-theme=dark] {{ color-scheme: dark;{_DARK} }}
"""
"""For a page that lets its reader choose, whatever the system says."""
