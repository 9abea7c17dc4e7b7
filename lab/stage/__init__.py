"""What every show needs: waiting for daemons, a collector that runs, a word to the user."""
