"""The REST API and the public pages: thin resources over mailcore. Must never see workers."""
