"""tensorseed concurrency"""
