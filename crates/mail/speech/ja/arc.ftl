### arc
