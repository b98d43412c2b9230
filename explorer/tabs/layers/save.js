// Saves a text as the table's CSV file.
(text) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'text/csv'}));
  link.download = 'densenet-layers.csv';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
