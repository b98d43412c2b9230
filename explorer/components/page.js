// What several of the page's scripts begin with: parts of a page, and files for the visitor to keep.
const make = (tag, name, text) => {
  const part = document.createElement(tag);
  part.className = name;
  if (text !== undefined) { part.textContent = text; }
  return part;
};
const save = (blob, name) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
