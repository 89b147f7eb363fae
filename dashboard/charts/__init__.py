"""Charts: pictures of what the pages tell, one module for each group of pages; free of Streamlit."""
