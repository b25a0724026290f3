### author
