"""The service: jobs over HTTP, and all of it kept alive on one machine. `app` says where its parts are."""
