"""Trimtab in a cluster: the image, the chart, and the pack of a Palette add-on profile that is made of the chart."""
