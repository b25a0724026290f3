//! What `mail-auth` says of the same worlds
