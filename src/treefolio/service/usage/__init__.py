"""What a user has of each limit, and may have."""
