"""The commands of ``lossc``, one file each. Nothing heavy is imported until a command needs it."""
