"""`revaer demo`: a real download from a peer, killed half way with SIGKILL, started again, checked byte by byte."""
