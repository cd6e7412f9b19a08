select k from settings
