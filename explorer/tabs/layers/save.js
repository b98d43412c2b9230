// Saves `text` as the table's CSV file.
save(new Blob([text], {type: 'text/csv'}), 'densenet-layers.csv');
