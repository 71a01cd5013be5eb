/** The page's only style sheet: one accent, system fonts, light and dark by what the reader prefers, and paper. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fbfaf8;--surface:#fff;--ink:#1d1c1a;--muted:#69655d;--line:#e4e0d9;--faint:#efece6;
--accent:#0d6e68;--on-accent:#fff;--soft:#7fb7b1;--pale:#cfc9be;--warn:#8a4b08;--warn-back:#fdf1df;--mark:#cdebe6}
@media (prefers-color-scheme:dark){:root{--paper:#151413;--surface:#1d1c1a;--ink:#ece9e3;--muted:#a7a298;--line:#35322d;
--faint:#262421;--accent:#4bb0a4;--on-accent:#0c1413;--soft:#2b6f68;--pale:#4b473f;--warn:#f0bd7a;--warn-back:#33260f;
--mark:#14534d}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main,header,footer{max-width:64rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:3rem}
h1{font-size:2rem;line-height:1.2;letter-spacing:-.02em;font-weight:650;margin:0 0 .4rem}
h2{font-size:1.35rem;letter-spacing:-.01em;font-weight:650;margin:3rem 0 .25rem;padding-top:1.5rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;font-weight:650;margin:2.75rem 0 .25rem}
p{margin:.25rem 0 1rem;max-width:44rem}
.muted,figcaption,footer{color:var(--muted)}
figcaption,.small{font-size:.875rem}
a{color:var(--accent);text-underline-offset:.2em}
code,.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.85em}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--surface);padding:.5rem 1rem;z-index:1}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:1.25rem 0 0;font-size:.9rem}
.banner{background:var(--warn-back);color:var(--warn);padding:.85rem 1.5rem;text-align:center;font-weight:600;margin:0;max-width:none}
.tiles{display:flex;flex-wrap:wrap;gap:1px;background:var(--line);
border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:1.5rem 0}
.tiles div{background:var(--surface);padding:1rem 1.15rem;flex:1 1 9.5rem}
.tiles dt{color:var(--muted);font-size:.8rem}
.tiles dd{margin:0;font-size:1.6rem;font-weight:600;letter-spacing:-.02em;line-height:1.25}
.tiles dd small{display:block;font-size:.8rem;font-weight:400;letter-spacing:0;color:var(--muted)}
figure{margin:1rem 0 1.5rem}
svg{display:block;max-width:100%;height:auto;color:var(--ink);font-family:inherit}
svg.narrow{display:none}
.plot{font-size:12px}
.plot [aria-label*=axis] text,.plot[aria-label*=axis]{fill:var(--muted)}
.graph{overflow-x:auto;background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:1rem}
.graph svg{margin:0 auto}
.graph svg.every,.graph svg.narrow{max-width:none}
.graph polygon{fill:var(--faint);stroke:var(--line)}
.graph path{stroke:var(--muted)}
.graph .edge polygon{fill:var(--muted);stroke:var(--muted)}
.graph text{fill:var(--ink);font-family:inherit}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;padding:0;margin:.75rem 0 .25rem;font-size:.85rem;color:var(--muted)}
.legend svg{display:inline-block;vertical-align:-1px;margin-right:.4rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;width:100%;margin:.5rem 0}
th{color:var(--muted);font-weight:500;text-align:left}
td.code{overflow-wrap:anywhere}
td,th{overflow-wrap:break-word;min-width:3.2rem}th:first-child,td:first-child{min-width:8rem}
th,td{padding:.38rem .9rem .38rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right;white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
details{margin:.25rem 0}
summary{cursor:pointer;color:var(--muted);font-size:.875rem;padding:.2rem 0;width:fit-content}
summary:hover{color:var(--ink)}
.find{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:1rem 0 .75rem}
input,select,button{font:inherit;font-size:.9rem;color:inherit;background:var(--surface);border:1px solid var(--line);border-radius:7px;
padding:.45rem .7rem;min-height:2.5rem}
input{flex:1 1 14rem;min-width:0}
select{max-width:100%;flex:0 1 auto}
button{cursor:pointer}
button:hover,input:hover,select:hover{border-color:var(--muted)}
.rows{list-style:none;padding:0;margin:0}
.rows>li{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.9rem 1.1rem;margin:0 0 .75rem}
.top{display:flex;flex-wrap:wrap;gap:.15rem .8rem;align-items:baseline;font-size:.8rem;color:var(--muted);margin-bottom:.4rem}
.fate{font-weight:600;color:var(--ink)}
.fate.taken{color:var(--accent)}
.texts{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .9rem;margin:0}
.texts dt{color:var(--muted);font-size:.85rem;padding-top:.1rem;max-width:10rem}
.texts dd{margin:0;white-space:pre-wrap;min-width:0}
.tokens{margin:.5rem 0 0;font-size:.8rem}
.tokens .name{color:var(--muted);margin:.5rem 0 .15rem}
.tokens .line{display:flex;flex-wrap:wrap;gap:2px 2px;margin:0 0 3px}
.tokens span{border:1px solid var(--line);border-radius:4px;padding:0 .25rem;white-space:pre;
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;line-height:1.6;background:var(--paper);max-width:100%;overflow:hidden}
.tokens span.differs{background:var(--mark);border-color:var(--accent);font-weight:600}
footer{margin-top:5rem;padding-bottom:3rem;font-size:.85rem}
@media (max-width:40rem){main,header,footer{padding:0 1rem}header{padding-top:1.75rem}h1{font-size:1.55rem}h2{margin-top:2.25rem}
svg.wide{display:none}svg.narrow{display:block}.tiles div{flex-basis:8rem}.tiles dd{font-size:1.35rem}
.texts{grid-template-columns:1fr}.texts dt{padding-top:.35rem}.graph{padding:.5rem}select{flex:1 1 100%}}
@media (forced-colors:active){svg{forced-color-adjust:none;background:#fff;color:#000}}
@media print{:root{--paper:#fff;--surface:#fff;--ink:#000;--muted:#444;--line:#bbb;--accent:#0d6e68;--soft:#7fb7b1;--pale:#cfc9be;
--faint:#f2f2f2;--mark:#cdebe6;--warn:#000;--warn-back:#fff}
nav,.find,.more,.skip{display:none}.banner{border:2px solid #000}body{font-size:10pt}main,header,footer{max-width:none;padding:0}
figure,.rows>li,tr{break-inside:avoid}h2,h3{break-after:avoid}}
`;
