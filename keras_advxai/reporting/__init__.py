"""Reports as one file of HTML, in which the viewer shows what is in it."""
