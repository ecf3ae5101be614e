"""Write a pseudopotential file of the published numbers of an analytic one (HGH, GTH)."""
