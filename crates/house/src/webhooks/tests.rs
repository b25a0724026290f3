//! Calls of webhooks, over books in a folder
