"""tensorseed sampling"""
