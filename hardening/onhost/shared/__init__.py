"""What more than one program uses."""
