"""tensorseed files"""
