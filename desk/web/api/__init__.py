"""The API under ``/api/v1``: the desk's content for programs. Errors are problem+json; long lists are paged by cursor."""
