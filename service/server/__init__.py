"""service server"""
