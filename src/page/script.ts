/**
 * The page's only script: shows, searches and pages the samples. All that it writes is text (`textContent`), and there is no other
 * way in it to put data into the page.
 */
export const SCRIPT = `
"use strict";
const PAGE = 20;
function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
function tokensOf(row, fields) {
  const box = make("details", "tokens");
  box.append(make("summary", "", "Tokens"));
  for (const of of row.tokens) {
    const same = of.counts[0] === of.counts[1];
    box.append(make("p", "name", of.tokenizer + ": " + (same ? of.counts[0] + " each" : of.counts[0] + " and " + of.counts[1])));
    of.rows.forEach((tokens, at) => {
      const line = make("div", "line");
      line.setAttribute("role", "group");
      line.setAttribute("aria-label", fields[at] + ", " + of.tokenizer);
      for (const [text, id, differs] of tokens) {
        const token = make("span", differs ? "differs" : "", text.replaceAll("\\n", "\\u23ce"));
        token.title = "id " + id + (differs ? ", differs" : "");
        line.append(token);
      }
      box.append(line);
    });
  }
  box.open = row.tokens.length > 0 && row.open === true;
  return box;
}
function cardOf(row) {
  const card = make("li");
  const top = make("div", "top");
  top.append(make("span", "fate " + row.fate, row.fate === "taken" ? "#" + row.id : row.why.join(" · ") || row.fate));
  top.append(make("span", "code", row.from));
  card.append(top);
  const texts = make("dl", "texts");
  for (const [field, text, more] of row.texts) {
    texts.append(make("dt", "", field));
    texts.append(make("dd", "", text + (more > 0 ? " … (" + more + " more characters)" : "")));
  }
  card.append(texts);
  if (row.tokens.length > 0) card.append(tokensOf(row, row.texts.map(([field]) => field)));
  return card;
}
for (const section of document.querySelectorAll("[data-sample]")) {
  const rows = JSON.parse(document.getElementById(section.dataset.sample).textContent);
  for (const row of rows) {
    row.words = [row.from, ...row.why, ...row.texts.map(([, text]) => text)].join(" ").toLowerCase();
  }
  if (rows.length > 0) rows[0].open = true;
  const list = section.querySelector(".rows");
  const said = section.querySelector("[role=status]");
  const find = section.querySelector("input");
  const choose = section.querySelector("select");
  const more = section.querySelector(".more");
  let found = rows;
  const show = (from) => {
    for (const row of found.slice(from, from + PAGE)) list.append(cardOf(row));
    const shown = list.children.length;
    said.textContent = found.length === 0 ? "Nothing found." : shown + " of " + found.length + " shown";
    more.hidden = shown >= found.length;
  };
  const search = () => {
    const words = find.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const fits = (row) => choose.value === "" || row.fate === choose.value || row.why.includes(choose.value);
    found = rows.filter((row) => fits(row) && words.every((word) => row.words.includes(word)));
    list.replaceChildren();
    show(0);
  };
  find.addEventListener("input", search);
  choose.addEventListener("change", search);
  more.addEventListener("click", () => {
    const next = list.children.length;
    show(next);
    const card = list.children[next];
    if (card) {
      card.tabIndex = -1;
      card.focus();
    }
  });
  section.hidden = false;
  show(0);
}
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
});
`;
