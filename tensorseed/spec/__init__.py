"""tensorseed spec"""
