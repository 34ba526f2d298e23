"""Digital inputs and outputs of the computer itself, through the GPIO character device of Linux."""
