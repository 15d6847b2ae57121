"""How a report looks: light and dark, wide and narrow, nothing from outside."""

STYLE = """
:root { --back: #ffffff; --card: #f6f7f9; --line: #dfe3e8; --text: #1b1f24;
  --ink: #5c6570; --link: #1769aa; --good: #e6f2fa; --warn: #fdf0e4; --edge: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --card: #1d2126;
  --line: #333a42; --text: #e6e9ed; --ink: #a3adb8; --link: #6cb8ee; --good: #14293a;
  --warn: #35230f; --edge: #e69f00; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 8px; text-wrap: balance; }
header p { margin: 0; color: var(--ink); font-size: 1.1rem; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 20px; padding: 10px 0;
  border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
section { margin: 36px 0; }
h2 { font-size: 1.35rem; margin: 0 0 12px; }
h3 { font-size: 1.05rem; margin: 24px 0 8px; }
p { margin: 0 0 12px; max-width: 75ch; }
.answer, .warning { padding: 12px 16px; border-radius: 8px; max-width: none; }
.answer { background: var(--good); border-left: 4px solid var(--link); }
.warning { background: var(--warn); border-left: 4px solid var(--edge); }
.note { color: var(--ink); font-size: 0.92rem; }
.scroll { overflow-x: auto; margin: 0 0 16px; border: 1px solid var(--line);
  border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 14px; white-space: nowrap;
  border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { background: var(--card); font-weight: 600; }
tbody th { font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
.wide td:last-child { white-space: normal; min-width: 300px; }
.facts { display: grid; gap: 10px; margin: 0 0 16px;
  grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
.facts div { background: var(--card); border-radius: 8px; padding: 10px 14px; }
dt { color: var(--ink); font-size: 0.85rem; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.pictures { display: grid; gap: 20px; margin: 0 0 16px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: 12px; }
figure svg, figure img { display: block; width: 100%; max-width: 620px; height: auto;
  margin: 0 auto; }
figcaption { font-weight: 600; font-size: 0.92rem; margin-bottom: 6px; }
details { border: 1px solid var(--line); border-radius: 8px; padding: 0 16px;
  margin: 0 0 12px; }
summary { cursor: pointer; padding: 10px 0; font-weight: 600; }
@media (max-width: 600px) {
  header, main { padding: 0 14px; } header { padding-top: 24px; }
  h1 { font-size: 1.5rem; } section { margin: 28px 0; }
  figure { padding: 8px; } details { padding: 0 10px; }
  th, td { padding: 6px 10px; }
  .facts { grid-template-columns: repeat(2, 1fr); } }
@media print { nav { display: none; } figure, .facts div { break-inside: avoid; } }
"""
