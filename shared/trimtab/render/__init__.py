"""Records → pull-request text, Slack blocks, HTML, charts; pure views of one value."""
