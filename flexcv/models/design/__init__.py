"""From a table to numbers: columns, levels and terms."""
