"""What is made to be looked at: tables, figures; nothing of the training imports it."""
