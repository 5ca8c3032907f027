"""Logging in with Discord: OAuth 2 with a code, PKCE and a state that is used once.

1. `routes` sends the browser to Discord with a state, and gives it a cookie for ten minutes. Its value is the
   PKCE verifier: no other browser can finish what this one began.
2. Discord sends it back with a code. The state must be one that is under way (`store`) and fit the cookie; it
   is used up by being looked at.
3. `provider` exchanges the code for a token and asks who that is. The token is forgotten at once.
4. Who comes for the first time becomes a user called ``NAME@discord``, when the list of users allows that.
   From then on Discord's id says who it is, whatever they call themselves.

Who may not come in is sent to the page for people with a word that says why: this is a browser.
"""
