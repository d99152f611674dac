// Before the page is painted: with `?overlay=` it shows a board alone, on no background.
if (new URLSearchParams(location.search).has("overlay")) document.documentElement.dataset.overlay = "";
