"""The API under ``/api/v1``: what the desk shows, for programs. Errors are problem+json; long lists come by cursor."""
