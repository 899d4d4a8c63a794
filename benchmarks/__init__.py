"""What Accord promises about speed and usefulness, printed beside the peer or the limit in the same run."""
