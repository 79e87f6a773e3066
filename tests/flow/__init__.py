"""The promises of the contract, one file each, as they are seen from outside: command in, event out."""
