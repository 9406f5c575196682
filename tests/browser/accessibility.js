// What an accessibility checker asks first: the page's problems, as sentences.
() => {
  const problems = [];
  const options = { visibilityProperty: true, opacityProperty: true };
  const shown = (element) => element.checkVisibility(options);
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
  if (!document.documentElement.lang) problems.push("no language");
  if (!document.title.trim()) problems.push("no title");
  if (all("h1").length !== 1) problems.push(`${all("h1").length} first headings`);
  if (all("main").length !== 1) problems.push("not one main");
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`id ${id} twice`);
  for (const each of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const name of ["aria-labelledby", "aria-describedby"])
      for (const id of (each.getAttribute(name) || "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) problems.push(`${name} ${id} names nothing`);
  for (const each of all("input:not([type=hidden])")) if (!each.labels.length) problems.push("no label");
  for (const each of all("a, button")) if (!each.textContent.trim()) problems.push("no name");
  for (const each of all("img")) if (!each.hasAttribute("alt")) problems.push("no alt");
  for (const each of all("svg")) if (each.getAttribute("aria-hidden") !== "true") problems.push("svg");

  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
    .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || !shown(element) || element.closest(".visually-hidden")) continue;
    const style = getComputedStyle(element);
    const [one, two] = [light(numbers(style.color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) problems.push(`contrast ${ratio.toFixed(2)}: ${node.data.trim()}`);
  }
  return problems;
}
