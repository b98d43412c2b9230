// The address has been read: what is pressed from now on is overwritten by nothing (page.css takes no pointer before).
document.documentElement.dataset.opened = '';
