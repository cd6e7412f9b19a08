select '{{ model.columns | length }}' as columns, '{{ this.identifier }}' as identifier
