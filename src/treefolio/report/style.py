"""What pages look like: one small style sheet, the named colours, and the same names inside charts.

Colours are names (``main``, ``rival``, ``loss``, ``s0`` …) with a value for light and one for dark; pages and
charts use the names, so that a chart follows the reader's preference without being drawn twice. The series
colours are Paul Tol's *muted* scheme, which readers with any of the common colour-vision deficiencies can
tell apart; gains and losses are blue and orange, never green and red.

What is wider than the window scrolls by itself and fades where it is cut off. Browsers that cannot tie that
to scrolling show a shadow there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SERIES = 10
"""How many series colours there are: ``s0`` to ``s9``."""

COLOURS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "page": ("#ffffff", "#14171c"),
        "panel": ("#f5f6f8", "#1c2027"),
        "ink": ("#171b21", "#e8eaed"),
        "soft": ("#5d6672", "#9da7b3"),
        "line": ("#e2e5ea", "#2c323b"),
        "main": ("#0b5fae", "#6cb2f5"),
        "rival": ("#8d96a1", "#87919d"),
        "loss": ("#c2500a", "#f29455"),
        "gain-rgb": ("0,104,179", "86,170,240"),
        "loss-rgb": ("214,96,10", "242,138,70"),
        "alert": ("#fff3d6", "#3a2f14"),
        "alert-ink": ("#6b4700", "#ffd98a"),
        "cash": ("#e9ebee", "#262b33"),
        "other": ("#b4bac2", "#59626d"),
        "s0": ("#332288", "#8f86e0"),
        "s1": ("#88ccee", "#88ccee"),
        "s2": ("#44aa99", "#44aa99"),
        "s3": ("#117733", "#4fae6c"),
        "s4": ("#999933", "#b5b54a"),
        "s5": ("#ddcc77", "#ddcc77"),
        "s6": ("#cc6677", "#d67a8a"),
        "s7": ("#882255", "#bf5a8e"),
        "s8": ("#aa4499", "#c473b6"),
        "s9": ("#e69f00", "#e69f00"),
    }
)
"""Name → its value on a light and on a dark page."""


def _values(dark: bool) -> str:
    return "".join(f"--{name}:{pair[dark]};" for name, pair in COLOURS.items())


_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums lining-nums}
main{max-width:1080px;margin:0 auto;padding:40px 28px 56px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.015em;margin:2px 0 8px;font-weight:650;
overflow-wrap:anywhere}
h2{font-size:19px;letter-spacing:-.008em;margin:0 0 4px;font-weight:650}
h3{font-size:14px;margin:0 0 6px;font-weight:600}
p{margin:0 0 10px;max-width:76ch}
a{color:inherit}
section{margin-top:48px}
.over{color:var(--soft);font-size:12.5px;letter-spacing:.06em;text-transform:uppercase;margin:0}
.lead{color:var(--soft);margin:0}
.note,figcaption{color:var(--soft);font-size:13.5px}
.note{margin-bottom:14px;max-width:88ch}
nav{display:flex;flex-wrap:wrap;gap:4px 20px;margin-top:18px;padding-top:12px;
border-top:1px solid var(--line);
font-size:13.5px}
nav a{color:var(--soft);text-decoration:none}
nav a:hover{color:var(--ink);text-decoration:underline}
.alert{background:var(--alert);color:var(--alert-ink);border-radius:8px;padding:12px 16px;margin:20px 0 0}
.alert p,.alert ul{margin:0;max-width:none}
.alert ul{padding-left:18px}
.alert p+p{margin-top:6px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));border:1px solid var(--line);
border-radius:10px;overflow:hidden;margin:26px 0 0}
.cards div{padding:14px 16px 13px;margin:0 -1px -1px 0;border-right:1px solid var(--line);
border-bottom:1px solid var(--line)}
.cards dt{color:var(--soft);font-size:13px}
.cards dd{margin:0}
.cards dd:nth-of-type(1){font-size:25px;line-height:1.25;font-weight:620;letter-spacing:-.015em}
.cards dd:nth-of-type(2){color:var(--soft);font-size:13px}
[title]{cursor:help}
figure{margin:16px 0 0}
figure svg{display:block;width:100%;min-width:620px;height:auto;overflow:visible}
.small svg{min-width:0}
svg text{font-family:inherit;fill:var(--soft)}
.scroll,figure>div{overflow-x:auto}
@property --before{syntax:"<length>";inherits:false;initial-value:0px}
@property --after{syntax:"<length>";inherits:false;initial-value:0px}
@keyframes cut{from{--before:0px;--after:48px}15%,85%{--before:48px;--after:48px}
to{--before:48px;--after:0px}}
@supports (animation-timeline:scroll()){.scroll,figure>div{animation:cut linear both;
animation-timeline:scroll(self inline);mask-image:linear-gradient(to right,transparent,#000 var(--before),
#000 calc(100% - var(--after)),transparent)}}
@supports not (animation-timeline:scroll()){.scroll,figure>div{background:
linear-gradient(to right,var(--page) 40%,transparent) 0 0/36px 100% no-repeat local,
linear-gradient(to left,var(--page) 40%,transparent) 100% 0/36px 100% no-repeat local,
linear-gradient(to right,var(--other),transparent) 0 0/14px 100% no-repeat scroll,
linear-gradient(to left,var(--other),transparent) 100% 0/14px 100% no-repeat scroll}}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(430px,100%),1fr));gap:28px 36px}
.pair figure{margin:0;min-width:0}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:3px 18px;margin:0 0 8px;padding:0;font-size:13.5px}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap;
font-weight:400}
th:first-child,td:first-child{text-align:left;padding-left:0}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-size:12.5px;vertical-align:bottom}
.left td,.left th{text-align:left}
.wrap td{white-space:normal;overflow-wrap:anywhere}
.grow td:last-child{width:38%}
.bar{display:block;height:9px;border-radius:2px;background:var(--main);min-width:1px;opacity:.85}
.tree th:first-child{white-space:normal;overflow-wrap:anywhere;min-width:280px}
.tree b{font-weight:600}
.never{color:var(--loss)}
.soft,h3 span{color:var(--soft)}
h3 span{font-weight:400}
.where td:last-child{white-space:normal;text-align:left;color:var(--soft);width:44%}
.where th:last-child{text-align:left}
.why td:last-child,.why th:last-child{white-space:normal;text-align:left;min-width:280px;width:60%}
.why td,.why th{vertical-align:top}
.why td:last-child span{font-size:13px}
.day{margin-top:24px}
.day .note{margin-top:8px}
.dense{font-size:13px}
.dense td,.dense th{padding-left:6px;padding-right:6px}
.dense th:first-child{padding-left:0}
.dense th:last-child,.dense td:last-child{padding-right:0}
.dense thead th{white-space:normal}
.sides .best{font-weight:620}
.pairs th:first-child,.pairs thead th,.square th,.sides thead th{white-space:normal;overflow-wrap:anywhere}
.pairs th:first-child{min-width:170px}
.diff .add{color:var(--main)}
.diff .del{color:var(--loss)}
.diff .fold{color:var(--soft)}
.heat td,.heat th{padding:5px 4px;text-align:center;border:2px solid var(--page);font-size:13px;
border-radius:5px}
.heat th:first-child{text-align:left;color:var(--soft);padding-left:0}
.heat .gain{background:rgba(var(--gain-rgb),var(--a))}
.heat .loss{background:rgba(var(--loss-rgb),var(--a))}
.heat .sum{font-weight:620}
.fine td,.fine th{padding:0 2px;font-size:11px;height:17px;border-width:1px}
.groups{columns:3 290px;column-gap:40px}
.groups div{break-inside:avoid;margin-bottom:26px}
.groups td,.groups th{padding:3px 0 3px 12px;font-size:13.5px}
.groups th:first-child{white-space:normal;padding-left:0}
.groups td+td,.groups th+th+th{color:var(--soft)}
.facts{margin-top:14px;display:grid;
grid-template-columns:repeat(auto-fit,minmax(min(430px,100%),1fr));gap:26px 44px}
.facts dl{display:grid;grid-template-columns:128px 1fr;gap:5px 14px;margin:0;font-size:14px}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--panel);padding:14px 16px;border-radius:8px;overflow:auto;max-height:480px}
details{margin-top:14px}
summary{cursor:pointer;color:var(--soft);font-size:13.5px}
details[open]>summary{margin-bottom:8px}
footer{margin-top:56px;padding-top:14px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
@media (max-width:620px){main{padding:24px 16px 40px}h1{font-size:25px}section{margin-top:38px}
.facts dl{grid-template-columns:100px 1fr}
.why tr{display:grid;grid-template-columns:repeat(4,1fr);border-bottom:1px solid var(--line)}
.why td,.why th{border:0}.why thead th:last-child{display:none}
.why td:last-child{grid-column:1/-1;min-width:0;width:auto;padding:0 0 6px}}
@media print{@page{margin:14mm}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:11pt}main{max-width:none;padding:0}nav{display:none}section{margin-top:26px}
h2,h3{break-after:avoid}figure,tr,.cards,.alert{break-inside:avoid}figure svg{min-width:0}
.scroll{overflow:visible}
.scroll,figure>div{animation:none;mask-image:none;background:none}
pre{max-height:none;white-space:pre-wrap}}
"""

SHEET = (
    f":root{{color-scheme:light dark;{_values(False)}}}"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_values(True)}}}}}" + _RULES
)
"""The style sheet. Paper is always light."""
