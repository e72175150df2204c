"""tls/java.security.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 225856526
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_property = resolve('property')
        l_0_entries = resolve('entries')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/java.security.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield str((undefined(name='property') if l_0_property is missing else l_0_property))
        yield '='
        yield str(t_1(context.eval_ctx, (undefined(name='entries') if l_0_entries is missing else l_0_entries), ', \\\n    '))
        yield '\n'

    return root
