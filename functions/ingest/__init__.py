"""An export or a usage drop landed, or a period is to be attributed again."""
