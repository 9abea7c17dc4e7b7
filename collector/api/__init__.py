"""HTTP towards people: who may, what is asked, what is answered."""
