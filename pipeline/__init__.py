"""forensics: why a load balancer answered 502 or 504, for every request, and how sure."""
